export { SAMPLE_ACCOUNT } from './accounts';
export type { ReceiptSummary } from './receipt-report';
export { startSimulator } from './simulator';
export type { RunningSimulator, SimulatorOptions } from './simulator';
