export { startTelemetry } from './start-telemetry';
export { configureLogs, logger } from './logger';
export type { Logger } from './logger';
export { addSpanAttributes, currentTraceparent, isSampled, linkSpan, withSpan } from './traces';
export { counter, gauge, histogram } from './metrics';
