export interface OrderPlaced {
  orderId: string;
  order: Record<string, unknown>;
  status: 'ACCEPTED';
}

export const written = (order: OrderPlaced) => JSON.stringify(order);
export const read = (body: string) => JSON.parse(body) as OrderPlaced;
