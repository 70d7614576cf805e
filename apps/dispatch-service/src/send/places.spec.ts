import { setImmediate as turn } from 'node:timers/promises';
import { makePlaces, type Place } from './places';
import { REQUESTS_AT_FIRST } from './concurrency';

const one = { isReply: false, messages: 1 };

describe('makePlaces', () => {
  it('lets in as many as there are places, then the next when one leaves, in order', async () => {
    const places = makePlaces(2);
    const entered: number[] = [];
    const enter = (id: number) =>
      places.enter('account', one).then((place) => {
        entered.push(id);
        return place;
      });
    const [first, second] = await Promise.all([enter(1), enter(2)]);
    const third = enter(3);
    const fourth = enter(4);
    await turn();
    expect(entered).toEqual([1, 2]);
    expect(places.tryEnter('account')).toBeUndefined();
    first.leave('accepted');
    (await third).leave('accepted');
    await fourth;
    second.leave('accepted');
    expect(entered).toEqual([1, 2, 3, 4]);
    expect(places.tryEnter('account')).toBeDefined();
  });

  it('lets an agent’s reply in before what came earlier', async () => {
    const places = makePlaces(1);
    const first = places.tryEnter('account');
    const bulk = places.enter('account', one);
    const reply = places.enter('account', { isReply: true, messages: 1 });
    first?.leave('other');
    const order: string[] = [];
    const follow = async (name: string, place: Promise<Place>) => {
      const entered = await place;
      order.push(name);
      entered.leave('other');
    };
    await Promise.all([follow('bulk', bulk), follow('reply', reply)]);
    expect(order).toEqual(['reply', 'bulk']);
  });

  it('has no room while as many messages stand in line as there are places, and calls in one for each that leaves', async () => {
    const places = makePlaces(2);
    const inside = [places.tryEnter('account'), places.tryEnter('account')];
    const waiting = places.enter('account', { isReply: false, messages: 5 });
    expect(places.hasRoom('account')).toBe(false);
    const calledIn: string[] = [];
    const call = (name: string, hasUse = true) => {
      places.onRoom('account', () => {
        calledIn.push(name);
        return hasUse;
      });
    };
    call('gone', false);
    call('a');
    call('b');
    expect(calledIn).toEqual([]);
    inside[0]?.leave('other');
    expect(calledIn).toEqual(['gone', 'a']);
    inside[1]?.leave('other');
    expect(calledIn).toEqual(['gone', 'a', 'b']);
    (await waiting).leave('other');
  });

  it('calls everybody in when the account falls idle', () => {
    const places = makePlaces(1);
    const inside = places.tryEnter('account');
    void places.enter('account', one).then((place) => place.leave('other'));
    let calledIn = 0;
    for (let waiting = 0; waiting < 5; waiting += 1) {
      places.onRoom('account', () => {
        calledIn += 1;
        return true;
      });
    }
    inside?.leave('other');
    return turn().then(() => expect(calledIn).toBe(5));
  });

  it('has half as many places after a refusal for their number, and still has when the account was idle', () => {
    const places = makePlaces(100);
    const all = Array.from({ length: REQUESTS_AT_FIRST }, () => places.tryEnter('account'));
    expect(places.tryEnter('account')).toBeUndefined();
    for (const place of all) place?.leave('throttled');
    const again = Array.from({ length: REQUESTS_AT_FIRST }, () => places.tryEnter('account'));
    expect(again.filter((place) => place !== undefined)).toHaveLength(16);
  });

  it('keeps accounts apart', () => {
    const places = makePlaces(1);
    places.tryEnter('one');
    expect(places.tryEnter('another')).toBeDefined();
  });
});
