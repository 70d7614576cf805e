declare module 'kafkajs/src/network/requestQueue' {
  /** The queue of requests to one broker; kafkajs 2.2.4 exports it to nobody, so the version is pinned. */
  const RequestQueue: {
    prototype: { pending: unknown[]; throttledUntil: number; scheduleCheckPendingRequests(): void };
  };
  export default RequestQueue;
}
