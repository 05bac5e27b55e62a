/** A style sheet, as the build puts it into the script: minified, its own custom properties renamed. */

declare module "*.css" {
  const text: string;
  export default text;
}
