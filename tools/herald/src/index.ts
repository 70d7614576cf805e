/** What the end-to-end specs, the chaos runs and the bench take from the command line: its clients, systems and sample organisation. */
export {
  AUDITED_SERVICES,
  connect,
  makeToken,
  openConnection,
  type AuditedService,
  type Connection,
} from './client/connect';
export { allMessages } from './client/all-messages';
export { program } from './commands/program';
export { openHome } from './system/home';
export { choosePorts } from './system/ports';
export { stopSimulator } from './system/simulator-process';
export { writeSystemFile } from './system/system-file';
export { makeSampleOrganisation, type SampleOrganisation } from './sample/organisation';
export { heraldProcess, type HeraldProcess } from './demo/herald-process';
export { simulatorControl } from './demo/simulator-control';
export { startDistributed, TWO_OF_EACH, type DistributedSystem } from './distributed/start-distributed';
export type { KeptProcess } from './distributed/kept-process';
export type { ReplicaCounts } from './distributed/replicas';
export { sendContacts } from './client/send-contacts';
export type { ContactList } from './client/contact-list';
