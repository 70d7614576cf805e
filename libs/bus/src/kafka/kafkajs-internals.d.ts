declare module 'kafkajs/src/network/requestQueue' {
  /** What the repair touches of the queue of requests to one broker; kafkajs 2.2.4 exports it to nobody, so the version is pinned. */
  const RequestQueue: {
    prototype: { pending: unknown[]; scheduleCheckPendingRequests(): void };
  };
  export default RequestQueue;
}
