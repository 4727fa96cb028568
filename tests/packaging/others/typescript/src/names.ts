export const route = '/parcels';
