/** Jest loads its reporters without its transforms, so this file brings the loader for the one written in TypeScript. */
const { require: load } = require('tsx/cjs/api');

module.exports = load('./src/closing-line.ts', __filename).ClosingLine;
