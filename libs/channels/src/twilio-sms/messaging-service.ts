const MESSAGING_SERVICE = /^MG[0-9a-f]{32}$/;

/** Whether a sender is a messaging service, which takes one of its own numbers for each message. */
export function isMessagingService(sender: string): boolean {
  return MESSAGING_SERVICE.test(sender);
}
