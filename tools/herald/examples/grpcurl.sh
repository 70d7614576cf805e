#!/bin/sh
# Herald by grpcurl, while `npm start` runs. The servers say what they offer, so that no proto file is needed.
set -e

addressOf() { npm run -s herald -- status --json | node -p "JSON.parse(fs.readFileSync(0)).services.$1"; }
TEMPLATE=$(addressOf template)
CONFIGURATION=$(addressOf configuration)
DISPATCH=$(addressOf dispatch)
CONVERSATION=$(addressOf conversation)
TOKEN=$(npm run -s herald -- token --org sample --scope send,read)

# The services of each server.
grpcurl -plaintext "$TEMPLATE" list
grpcurl -plaintext "$CONFIGURATION" list
grpcurl -plaintext "$DISPATCH" list
grpcurl -plaintext "$CONVERSATION" list

# What there is to send with.
grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{"page_size": 1}' \
  "$TEMPLATE" herald.template.v1.TemplateService/ListTemplates
ID=$(grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{"page_size": 1}' \
  "$CONFIGURATION" herald.configuration.v1.ConfigurationService/ListOutboundConfigurations |
  node -p 'JSON.parse(fs.readFileSync(0)).outboundConfigurations[0].id')

# A message. The same line with the same request id again gets the same answer, and sends nothing.
REQUEST=$(node -p 'crypto.randomUUID()')
grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{
    "request_id": "'"$REQUEST"'",
    "outbound_configuration_id": "'"$ID"'",
    "contacts": [{
      "to_contact_id": "+14255550123", "optin": true, "locale": "fr-CA", "customer_name": "Ana",
      "context_items": {"OrderNumber": "A-1009", "DeliveryDate": "24/12"}
    }]
  }' "$DISPATCH" herald.dispatch.v1.DispatchService/SendOutboundMessages

# What becomes of it, until the provider has said so.
SENT=$(grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{"page_size": 1}' \
  "$DISPATCH" herald.dispatch.v1.DispatchService/ListRequests |
  node -p 'JSON.parse(fs.readFileSync(0)).outboundRequests[0].id')
grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{"outbound_request_id": "'"$SENT"'"}' \
  "$DISPATCH" herald.dispatch.v1.DispatchService/WatchRequest

# What became of it, and what the hour still holds.
grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{"page_size": 1}' \
  "$DISPATCH" herald.dispatch.v1.DispatchService/ListMessages
grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{}' \
  "$DISPATCH" herald.dispatch.v1.DispatchService/CheckLedger
grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{}' \
  "$DISPATCH" herald.dispatch.v1.DispatchService/GetQuota
