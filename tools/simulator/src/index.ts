export { SAMPLE_ACCOUNT } from './accounts';
export type { AccountSettings } from './accounts';
export type { CallbackCounts } from './callbacks';
export { FaultSpecError, parseFaults } from './faults';
export type { Receipt } from './message';
export type { ReceiptSummary } from './receipt-report';
export { startSimulator } from './simulator';
export type { RunningSimulator, SimulatorOptions } from './simulator';
