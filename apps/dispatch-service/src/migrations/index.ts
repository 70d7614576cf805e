import type { Migration } from '@herald/postgres';
import { ledger } from './0001-ledger';
import { audit } from './0002-audit';
import { control } from './0003-control';
import { outcomes } from './0004-outcomes';
import { breakers } from './0005-breakers';
import { reports } from './0006-reports';
import { streams } from './0007-streams';
import { queue } from './0008-queue';
import { shardingAndCaps } from './0009-sharding-and-caps';
import { storage } from './0010-storage';
import { streamIds } from './0011-stream-ids';

/** Dispatch's schema, in the order it grew. */
export const migrations: readonly Migration[] = [
  ledger,
  audit,
  control,
  outcomes,
  breakers,
  reports,
  streams,
  queue,
  shardingAndCaps,
  storage,
  streamIds,
];
