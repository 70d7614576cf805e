/** Jest loads its reporters without its transforms, so this file brings the loader for the one written in TypeScript. */
const { require: load } = require('tsx/cjs/api');

const { ClosingLine } = load('./src/closing-line.ts', __filename);

module.exports = class extends ClosingLine {
  constructor() {
    super(() => process.env.HERALD_TEST_RUN);
  }
};
