import { oneProcessHerald } from './one-process-herald';
import type { RunningHerald } from './running-herald';
import { collectOwnSpans, type SpanCollection } from './spans';
import { accessStories } from './stories/access.stories';
import { controlStories } from './stories/control.stories';
import { isolationStories } from './stories/isolation.stories';
import { providerStories } from './stories/provider.stories';
import { requestStories } from './stories/requests.stories';
import { traceStories } from './stories/trace.stories';

const SERVICE_NAME = 'herald';

describe('in one process', () => {
  let collected: SpanCollection;
  let herald: RunningHerald;
  const running = () => herald;

  beforeAll(async () => {
    collected = await collectOwnSpans(SERVICE_NAME);
    herald = await oneProcessHerald();
  });
  afterAll(async () => {
    await herald.stop();
    await collected.stop();
  });

  requestStories(running);
  controlStories(running);
  providerStories(running);
  isolationStories(running);
  accessStories(running);
  traceStories(running, { spans: () => collected.spans(), nameOf: () => SERVICE_NAME });
});
