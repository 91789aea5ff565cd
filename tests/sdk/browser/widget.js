// The newest widget comes as a library.
import { registerWidget } from "@elevenlabs/convai-widget-core";

registerWidget();
