export type { Bus, BusRecord, DeadLetter, DeadLetterStore, DeliveredRecord, HandlerContext, Subscription } from './bus';
export { TOPICS } from './topics';
export { partitionOf } from './partition';
export { inProcessBus } from './in-process-bus';
export type { DeliveryFault } from './delivery';
export { kafkaBus } from './kafka/kafka-bus';
export type { KafkaBusOptions } from './kafka/kafka-bus';
export type { KafkaConnection } from './kafka/connect';
