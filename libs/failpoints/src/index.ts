export {
  armFailpoints,
  chanceFrom,
  disarmFailpoints,
  failpoint,
  failpointAfterTurn,
  isArmed,
  isPlanted,
} from './failpoints';
export { FAILPOINTS, parsePlan, PLANTS } from './plan';
export type { Action, Failpoint, Plan, Plant, Rule } from './plan';
