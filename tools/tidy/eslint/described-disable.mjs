const DIRECTIVE = /^\s*eslint-disable(-next-line|-line)?\b/;
const DESCRIPTION = /\s--\s+\S.{9,}/s;

/** Every suppression says which rule it silences and why: `// eslint-disable-next-line complexity -- the table is …`. */
export const describedDisable = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      why: 'Say why the rule is silenced: "{{directive}} <rule> -- <the reason, a sentence>".',
      which: 'Name the rule that is silenced: a bare "{{directive}}" silences all of them.',
    },
  },
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          const directive = DIRECTIVE.exec(comment.value)?.[0].trim();
          if (directive === undefined) continue;
          const rules = comment.value.trim().slice(directive.length).split(' -- ')[0];
          const data = { directive };
          if (rules.trim() === '') context.report({ loc: comment.loc, messageId: 'which', data });
          if (!DESCRIPTION.test(comment.value)) context.report({ loc: comment.loc, messageId: 'why', data });
        }
      },
    };
  },
};
