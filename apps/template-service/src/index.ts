export { start } from './start';
export { migrations } from './migrations';
