/* A FastCGI responder that does nothing but answer, on libfcgi. Alone it serves fd 0, as a spawned FastCGI program;
   with a socket's path and a number it listens there with so many processes. */

#include <fcgiapp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve(int fd) {
  FCGX_Request request;
  FCGX_InitRequest(&request, fd, 0);
  while (FCGX_Accept_r(&request) == 0) FCGX_PutS("Content-Type: text/plain\r\n\r\nHello\n", request.out);
}

int main(int argc, char **argv) {
  FCGX_Init();
  if (argc < 3) {
    serve(0);
    return 0;
  }
  umask(0);
  int fd = FCGX_OpenSocket(argv[1], 511);
  if (fd < 0) return 1;
  for (int left = atoi(argv[2]); left > 0; left--) {
    if (fork() == 0) {
      serve(fd);
      return 0;
    }
  }
  while (wait(NULL) > 0) continue;
  return 0;
}
