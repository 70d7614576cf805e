export { migrations } from './migrations';
export { start } from './start';
