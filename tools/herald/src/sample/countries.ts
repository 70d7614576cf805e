/** A country and the language its people are written to in. */
export interface Country {
  code: string;
  locale: string;
}

/**
 * Countries of the sample's contacts. Most locales have a text of their own or one of the same language; the last two
 * rows are of languages that the sample's template lacks, so that their people get its default one.
 */
const ROWS = [
  'US en-US;CA fr-CA;GB en-GB;IE en-IE;AU en-AU;NZ en-NZ;ZA en-ZA;NG en-NG;KE en-KE;GH en-GH;SG en-SG;PH en-PH',
  'MX es-MX;ES es-ES;AR es-AR;CO es-CO;CL es-CL;PE es-PE;VE es-VE;EC es-EC;UY es-UY;BO es-BO;CR es-CR;DO es-DO;GT es-GT',
  'FR fr-FR;BE fr-BE;CI fr-CI;SN fr-SN;CM fr-CM;DE de-DE;AT de-AT;CH de-CH;LU de-LU;IT it-IT;PT pt-PT;BR pt-BR;AO pt-AO;MZ pt-MZ',
  'NL nl-NL;SE sv-SE;DK da-DK;NO nb-NO;PL pl-PL;TR tr-TR;RU ru-RU;GR el-GR;IL he-IL;SA ar-SA;AE ar-AE;EG ar-EG;MA ar-MA;JO ar-JO;KW ar-KW',
  'IN hi-IN;JP ja-JP;KR ko-KR;CN zh-CN;TW zh-TW;HK zh-HK;ID id-ID;VN vi-VN;TH th-TH;MY ms-MY',
  'FI fi-FI;HU hu-HU;CZ cs-CZ;RO ro-RO;BG bg-BG;UA uk-UA;HR hr-HR;SK sk-SK;SI sl-SI;EE et-EE',
  'LT lt-LT;LV lv-LV;IS is-IS;GE ka-GE;AM hy-AM',
];

/** The countries of the sample. */
export const COUNTRIES: readonly Country[] = ROWS.flatMap((row) => row.split(';')).map((entry) => {
  const [code = '', locale = ''] = entry.split(' ');
  return { code, locale };
});
