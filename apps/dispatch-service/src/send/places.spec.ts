import { setImmediate as turn } from 'node:timers/promises';
import { makePlaces } from './places';

describe('makePlaces', () => {
  it('lets in as many as there are places, then the next when one leaves, in order', async () => {
    const places = makePlaces(2);
    const entered: number[] = [];
    const enter = (id: number) =>
      places.enter('account').then((leave) => {
        entered.push(id);
        return leave;
      });
    const [first, second] = await Promise.all([enter(1), enter(2)]);
    const third = enter(3);
    const fourth = enter(4);
    await Promise.resolve();
    expect(entered).toEqual([1, 2]);
    first();
    (await third)();
    expect(entered).toEqual([1, 2, 3]);
    await fourth;
    second();
    expect(entered).toEqual([1, 2, 3, 4]);
  });

  it('calls in from outside, one for each that leaves, when the line is no longer than the places', async () => {
    const places = makePlaces(1);
    await places.room('account');
    const first = await places.enter('account');
    const second = places.enter('account');
    const calledIn: string[] = [];
    for (const name of ['a', 'b']) void places.room('account').then(() => calledIn.push(name));
    await turn();
    expect(calledIn).toEqual([]);
    first();
    const leave = await second;
    await turn();
    expect(calledIn).toEqual(['a']);
    const third = places.enter('account');
    leave();
    await third;
    await turn();
    expect(calledIn).toEqual(['a', 'b']);
  });

  it('calls everybody in when the account falls idle, though those called in before took no place', async () => {
    const places = makePlaces(1);
    const first = await places.enter('account');
    const second = places.enter('account');
    const rooms = Array.from({ length: 5 }, () => places.room('account'));
    first();
    (await second)();
    await expect(Promise.all(rooms)).resolves.toHaveLength(5);
    await expect(places.room('account')).resolves.toBeUndefined();
  });

  it('keeps accounts apart', async () => {
    const places = makePlaces(1);
    await places.enter('one');
    await expect(places.enter('another')).resolves.toBeDefined();
  });
});
