/** Does jobs in their order, so many of them at once, and begins none once it is to stop. Results are in the order of jobs. */
export async function sideBySide<Job, Result>(
  jobs: readonly Job[],
  { atOnce, stopping }: { atOnce: number; stopping: AbortSignal },
  act: (job: Job) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = jobs.entries();
  const work = async () => {
    for (const [at, job] of left) {
      if (stopping.aborted) return;
      results[at] = await act(job);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}
