"""Two small programs around Tallystick: `photoprint`, an app that asks, and `photostorage`, an API that is asked."""
