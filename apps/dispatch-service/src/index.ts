export { migrations } from './migrations';
export { start } from './start';
export type { DispatchConfig } from './start';
export { tuningOf } from './tuning';
