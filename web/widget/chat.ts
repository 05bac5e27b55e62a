/** What measuring tells and asks the chat; a build that measures alone has `no_chat.ts` in its place. */

export {
  beginChat,
  endChat,
  lookForMessages,
  resumePoint,
  takeFrame,
} from "./conversation_line";
export { askTabs } from "./tabs";
export { complain } from "./visitor";
