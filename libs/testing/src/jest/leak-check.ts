import { leakCheck } from '../leak-check';

// In every spec file. What a describe sets up and takes down is over by then; set nothing up outside of one.
leakCheck();
