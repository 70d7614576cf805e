export type { Bus, BusRecord, DeadLetter, DeadLetterStore, DeliveredRecord, HandlerContext, Subscription } from './bus';
export { TOPICS } from './topics';
export { partitionOf } from './partition';
export { inProcessBus } from './in-process-bus';
