"""What starts by itself: releases of new images and of requests, and the end of orphans."""
