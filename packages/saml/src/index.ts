export { parseXml } from './restricted-xml.ts';
