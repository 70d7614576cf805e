interface Link<Item> {
  item: Item;
  next: Link<Item> | undefined;
}

/** First in, first out, in constant time: an array that is shifted moves all that is behind. */
export class Fifo<Item> {
  #head: Link<Item> | undefined;
  #tail: Link<Item> | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  first(): Item | undefined {
    return this.#head?.item;
  }

  push(item: Item): void {
    const link = { item, next: undefined };
    if (this.#tail) this.#tail.next = link;
    else this.#head = link;
    this.#tail = link;
    this.#length += 1;
  }

  shift(): Item | undefined {
    const head = this.#head;
    if (!head) return undefined;
    this.#head = head.next;
    if (!this.#head) this.#tail = undefined;
    this.#length -= 1;
    return head.item;
  }

  clear(): void {
    this.#head = undefined;
    this.#tail = undefined;
    this.#length = 0;
  }
}
