import { runService } from '@herald/service';
import { start } from './start';

/** The composition root: the only file of the service that reads the environment. */
void runService({ service: 'conversation', env: process.env, needs: [] }, (_, { grpc }) => start({ grpc }));
