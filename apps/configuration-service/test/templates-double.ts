import { TemplateServiceService, TemplateVersion, type GetTemplateVersionResponse } from '@herald/contracts/template';
import { ChannelType } from '@herald/contracts/type';
import { HeraldError, REASONS, type Reason } from '@herald/errors';
import { grpcServer, tokenVerifier, unary, unimplemented, type RunningServer } from '@herald/grpc';
import type { TestIdentity } from '@herald/testing';
import { randomUUID } from 'node:crypto';

/** How a template stands: what is published of it, or why nothing can be told. */
type Standing = { channelType: ChannelType; archived: boolean } | { refusal: Reason };

/** A template-service that knows how templates stand, by organisation, and answers configuration-service alone. */
export class TemplatesDouble {
  readonly #templates = new Map<string, Standing>();
  /** The templates it was asked about. */
  readonly questions: string[] = [];
  /** While it is set, every question is refused by it. */
  failure: Reason | undefined;
  /** While it is set, answers wait for it. */
  gate: Promise<void> | undefined;
  #server: RunningServer | undefined;

  /** Opens the door and returns its `host:port`. */
  async start(identity: TestIdentity): Promise<string> {
    const rpcs = Object.keys(TemplateServiceService);
    this.#server = await grpcServer({
      address: '127.0.0.1:0',
      reflection: false,
      identity: tokenVerifier(identity.identityOf('template')),
      health: { calls: {} },
      services: [
        {
          definition: TemplateServiceService,
          implementation: {
            ...Object.fromEntries(rpcs.map((rpc) => [rpc, unimplemented()])),
            getTemplateVersion: unary<{ templateId: string; version: number }, GetTemplateVersionResponse>(
              ({ templateId, version }, { org }) => this.#answer(org, templateId, version),
            ),
          },
          access: Object.fromEntries(rpcs.map((rpc) => [rpc, { services: ['configuration'] as const }])),
        },
      ],
    });
    return `127.0.0.1:${this.#server.port}`;
  }

  async stop(): Promise<void> {
    await this.#server?.stop(0);
  }

  /** Makes a template of an organisation, published unless it is said otherwise, and returns its id. */
  make(org: string, standing: Partial<{ channelType: ChannelType; archived: boolean }> | { refusal: Reason } = {}) {
    const templateId = randomUUID();
    this.set(org, templateId, standing);
    return templateId;
  }

  /** Changes how a template stands. */
  set(
    org: string,
    templateId: string,
    standing: Partial<{ channelType: ChannelType; archived: boolean }> | { refusal: Reason },
  ): void {
    const whole = 'refusal' in standing ? standing : { channelType: ChannelType.SMS, archived: false, ...standing };
    this.#templates.set(`${org}/${templateId}`, whole);
  }

  async #answer(org: string, templateId: string, version: number): Promise<GetTemplateVersionResponse> {
    this.questions.push(templateId);
    await this.gate;
    if (version !== 0) throw new Error('a configuration is bound to no version');
    const standing = this.#templates.get(`${org}/${templateId}`) ?? { refusal: 'TEMPLATE_NOT_FOUND' };
    const refusal = this.failure ?? ('refusal' in standing ? standing.refusal : undefined);
    if (refusal !== undefined || 'refusal' in standing) {
      const reason = refusal ?? 'INTERNAL';
      throw new HeraldError(reason, REASONS[reason].text);
    }
    const { channelType, archived } = standing;
    return { version: TemplateVersion.fromPartial({ templateId, version: 1, channelType }), archived };
  }
}
