import type { Bus } from '@herald/bus';
import { HeraldError } from '@herald/errors';

/** A bus that takes nothing until it is told to. */
export class BusThatRefuses implements Bus {
  refusals = 0;
  isOpen = false;

  constructor(private readonly bus: Bus) {}

  publish(records: Parameters<Bus['publish']>[0]): Promise<void> {
    if (this.isOpen) return this.bus.publish(records);
    this.refusals += 1;
    return Promise.reject(new HeraldError('BUS_UNAVAILABLE', 'Not now.'));
  }

  subscribe(subscription: Parameters<Bus['subscribe']>[0]): ReturnType<Bus['subscribe']> {
    return this.bus.subscribe(subscription);
  }

  stop(): Promise<void> {
    return this.bus.stop();
  }

  ping(): Promise<void> {
    return this.isOpen ? this.bus.ping() : Promise.reject(new HeraldError('BUS_UNAVAILABLE', 'Not now.'));
  }
}
