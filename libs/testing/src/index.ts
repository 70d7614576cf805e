export { freePort } from './free-port';
export { testDatabase } from './postgres';
export type { TestDatabase } from './postgres';
export { eventually } from './eventually';
export { FakeClock } from './fake-clock';
export { testIdentity } from './identity';
export type { TestIdentity } from './identity';
export { rowLevelSecurityFaults } from './row-level-security';
export { describeWithKafka } from './kafka';
