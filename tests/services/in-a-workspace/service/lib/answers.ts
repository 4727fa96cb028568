export const answer = (statusCode: number, told: unknown) => ({ statusCode, body: JSON.stringify(told) });
