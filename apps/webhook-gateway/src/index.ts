export { start } from './start';
export type { GatewayConfig } from './start';
