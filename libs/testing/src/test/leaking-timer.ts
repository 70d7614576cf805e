describe('a spec whose tests pass and that leaks a timer', () => {
  it('passes', () => {
    setInterval(() => undefined, 60_000);
    expect(true).toBe(true);
  });
});
