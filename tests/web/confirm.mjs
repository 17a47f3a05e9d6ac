// Confirms a booking as a web frontend does: gRPC-web through the gateway, with generated code.
// Environment: GATEWAY (http://…), TOKEN, BOOKING (workspaces/…/bookings/…). Prints the state.
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { BookingService } from "./gen/latchkey/workspace/v1/booking_service_pb.js";
import { BookingState } from "./gen/latchkey/workspace/v1/booking_pb.js";

const { GATEWAY, TOKEN, BOOKING } = process.env;
const transport = createGrpcWebTransport({
  baseUrl: GATEWAY,
  interceptors: [
    (next) => (request) => {
      request.header.set("authorization", `Bearer ${TOKEN}`);
      return next(request);
    },
  ],
});
const bookings = createClient(BookingService, transport);
const { booking } = await bookings.confirmBooking({ name: BOOKING, requestId: `confirm-${BOOKING.split("/").pop()}` });
console.log(BookingState[booking.state]);
