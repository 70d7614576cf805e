import { final } from './grpc-code';

/** Why a call about templates can fail. */
export const TEMPLATE_REASONS = {
  TEMPLATE_ALREADY_PUBLISHED: final('FAILED_PRECONDITION', 'The draft is what is published. Change the draft first.'),
  TEMPLATE_ARCHIVED: final('FAILED_PRECONDITION', 'The template is archived for good. Use or create another one.'),
  TEMPLATE_DRAFT_INVALID: final('FAILED_PRECONDITION', 'The draft is not ready. Correct what is listed in it.'),
  TEMPLATE_LANGUAGE_NOT_FOUND: final('NOT_FOUND', 'The template has no text in this language. Ask for one it has.'),
  TEMPLATE_NAME_TAKEN: final('ALREADY_EXISTS', 'Another template of the organisation has this name. Choose another.'),
  TEMPLATE_NOT_FOUND: final('NOT_FOUND', 'The organisation has no template with this id. Check the id.'),
  TEMPLATE_NOT_PUBLISHED: final('FAILED_PRECONDITION', 'The template has no published version. Publish it first.'),
  TEMPLATE_VERSION_NOT_FOUND: final('NOT_FOUND', 'The template has no such version. List its versions.'),
} as const;
