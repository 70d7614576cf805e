export { assertFree, freePort, freePorts } from './free-ports';
