// What an order is, and where it is handed in.
export const ROUTE = '/orders';

export interface Order {
  taskId: string;
  payload: unknown;
}
