import { chooseRequestFault, formatFaults, parseFaults, strikes } from './faults';

describe('parseFaults', () => {
  it('reads names, spans and probabilities', () => {
    const faults = parseFaults('slow=200ms..2s:0.3, 429:0.1,cb-delay=1s');
    expect(formatFaults(faults)).toBe('slow=200ms..2000ms:0.3,429:0.1,cb-delay=1000ms..1000ms:0.3');
  });

  it('reads back what formatFaults writes', () => {
    const text = formatFaults(
      parseFaults('slow,429,500,drop,reset,half,hang,cb-drop,cb-double,cb-shuffle,cb-delay,cb-badsig'),
    );
    expect(formatFaults(parseFaults(text))).toBe(text);
  });

  it('reads nothing as no fault', () => {
    expect(formatFaults(parseFaults(''))).toBe('none');
    expect(parseFaults('none').size).toBe(0);
  });

  it.each([
    ['flood', 'is not a fault'],
    ['429:often', 'is no probability'],
    ['429:', 'is no probability'],
    ['429:1.5', 'is no probability'],
    ['429=1s:0.1', 'takes no span'],
    ['slow=2s..1s', 'is no span'],
    ['429,429', 'is given twice'],
    ['429:0.7,500:0.7', 'add up to 1.40'],
  ])('refuses %s', (text, message) => {
    expect(() => parseFaults(text)).toThrow(message);
  });
});

describe('chooseRequestFault', () => {
  it('meets each fault as often as its probability says', () => {
    const faults = parseFaults('429:0.2,500:0.1,drop:0.05');
    const counts: Record<string, number> = {};
    for (let index = 0; index < 20_000; index += 1) {
      const fault = chooseRequestFault(faults, 1, `+1415555${String(index).padStart(5, '0')}|1`) ?? 'none';
      counts[fault] = (counts[fault] ?? 0) + 1;
    }
    expect(counts['429']! / 20_000).toBeCloseTo(0.2, 1);
    expect(counts['500']! / 20_000).toBeCloseTo(0.1, 1);
    expect(Math.abs(counts['drop']! / 20_000 - 0.05)).toBeLessThan(0.01);
    expect(Math.abs(counts['none']! / 20_000 - 0.65)).toBeLessThan(0.02);
  });

  it('lets independent faults strike by their own draw', () => {
    expect(strikes(parseFaults('slow:1'), 'slow', 1, 'x')).toMatchObject({ span: { minMs: 200, maxMs: 2000 } });
    expect(strikes(parseFaults('slow:0'), 'slow', 1, 'x')).toBeUndefined();
    expect(strikes(parseFaults('429:1'), 'slow', 1, 'x')).toBeUndefined();
  });
});
