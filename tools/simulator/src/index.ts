export { SAMPLE_ACCOUNT } from './accounts';
export type { ReceiptSummary } from './receipt-report';
export { signatureOf } from './signature';
export { startSimulator } from './simulator';
export type { RunningSimulator, SimulatorOptions } from './simulator';
