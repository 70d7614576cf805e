/** What the end-to-end specs take from the command line: its clients, its ports and its sample organisation. */
export type { Connection } from './client/connect';
export { choosePorts } from './system/ports';
export { makeSampleOrganisation, type SampleOrganisation } from './sample/organisation';
