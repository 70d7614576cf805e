export { runningLocalBroker, startLocalBroker, stopLocalBroker } from './local-broker';
