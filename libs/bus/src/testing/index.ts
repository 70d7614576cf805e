export { busContract } from './bus-contract';
export type { BusUnderTest } from './bus-contract';
