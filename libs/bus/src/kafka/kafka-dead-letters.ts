import type { DeadLetterDesk, KeptLetter, LetterSelection } from '../dead-letter-desk';
import { compareLetters, isAfter } from '../dead-letter-desk';
import { connectCluster, type Cluster, type KafkaConnection } from './connect';
import { deadLetterTopic, holdsDeadLetters, tombstone } from './dead-letter-topics';
import { producerOf, publisher, type Publisher } from './publisher';
import { readToTheEnd, type KeptLetters } from './read-letters';

/** Records between two rounds of tombstones: what a crash in between repeats at most. */
const REDRIVE_RECORDS = 100;
/**
 * A call that takes longer counts as failed. A group gives a record up 21 s after it got it at the earliest, so the
 * tombstone comes before the group's next letter of the same record, and never takes that one away.
 */
const SEND_WITHIN_MS = 8_000;

/** The dead letters that groups left in the topics of a cluster. Throws BrokerConnectionError when it cannot be used. */
export function kafkaDeadLetters(connection: KafkaConnection): Promise<DeadLetterDesk> {
  return connectCluster(connection, async (cluster) => deskOf(cluster));
}

function deskOf({ kafka, admin }: Cluster): DeadLetterDesk {
  const writer = publisher(() => producerOf(kafka), SEND_WITHIN_MS);
  const lettersIn = async ({ topic, group, recordIds }: LetterSelection): Promise<KeptLetters> => {
    const topics = (await admin.listTopics()).filter((name) => holdsDeadLetters(name, { topic, group }));
    return readToTheEnd({ kafka, admin }, topics, (letter) => recordIds?.includes(letter.record.id) ?? true);
  };
  return {
    read: async (selection, { size, after }) => {
      const { letters, beyond } = await lettersIn(selection);
      const page = letters.toSorted(compareLetters).filter((letter) => after === undefined || isAfter(letter, after));
      return { letters: page.slice(0, size), total: letters.length + beyond };
    },
    redrive: async ({ topic, group, recordIds = [] }) => {
      const { letters, beyond } = await lettersIn({ topic, ...(recordIds.length === 0 ? {} : { recordIds }) });
      const going = recordsToGo(letters, group);
      const known = new Set(going.map(([letter]) => letter?.record.id));
      const unknown = recordIds.filter((id) => !known.has(id));
      for (let at = 0; unknown.length === 0 && at < going.length; at += REDRIVE_RECORDS)
        await publishAgain(writer, going.slice(at, at + REDRIVE_RECORDS));
      return { records: going.length, how: 'published', left: beyond, unknown };
    },
    close: async () => {
      await writer.stop();
      await admin.disconnect();
    },
  };
}

/** The letters of each record that a group gave up, oldest first; what lacked our headers is no record and stays. */
function recordsToGo(letters: readonly KeptLetter[], group: string | undefined): (readonly KeptLetter[])[] {
  const records = Map.groupBy(letters.toSorted(compareLetters), ({ record }) => record.id);
  return [...records.values()].filter(
    (each) => each[0]?.record.type !== '' && each.some((letter) => (group ?? letter.group) === letter.group),
  );
}

/** Publishes records, and then takes their letters away. */
async function publishAgain(writer: Publisher, records: readonly (readonly KeptLetter[])[]): Promise<void> {
  await writer.publish(records.flatMap(([letter]) => (letter ? [letter.record] : [])));
  const byTopic = Map.groupBy(records.flat(), ({ record, group }) => deadLetterTopic(record.topic, group));
  const entombed = [...byTopic].map(([name, letters]) => {
    const messages = letters.map(({ record }) => tombstone(record.id));
    return writer.send(name, 0, messages);
  });
  await Promise.all(entombed);
}
