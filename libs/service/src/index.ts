export { runUntilSignal, startInOrder } from './running';
export type { Parts, Running } from './running';
export { systemClock } from './clock';
export type { Clock } from './clock';
export { newId } from './new-id';
export type { DatabaseConfig, GrpcConfig, IdentityConfig } from './config';
export { ENVIRONMENT, EnvironmentError, readEnvironment } from './environment';
export type { Environment } from './environment';
