export { startLocalBroker, stopLocalBroker } from './local-broker';
