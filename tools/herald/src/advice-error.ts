/** What can be said to somebody instead of failing: what is wrong, and what to do. It is shown without a stack. */
export class AdviceError extends Error {
  override readonly name = 'AdviceError';
}
